# Enters the Python environment beside this file. For csh and tcsh: `source .venv/bin/activate.csh`.
# Leave it with `deactivate`. Written anew by every `wharf sync`.

alias deactivate 'test $?_WHARF_OLD_PATH != 0 && setenv PATH "$_WHARF_OLD_PATH:q" && unset _WHARF_OLD_PATH; rehash; test $?_WHARF_OLD_PROMPT != 0 && set prompt="$_WHARF_OLD_PROMPT:q" && unset _WHARF_OLD_PROMPT; unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; test "\!:*" != "nondestructive" && unalias deactivate'

deactivate nondestructive

setenv VIRTUAL_ENV @ROOT@
setenv VIRTUAL_ENV_PROMPT @PROMPT@

set _WHARF_OLD_PATH="$PATH:q"
setenv PATH "${VIRTUAL_ENV:q}/@BIN@:${PATH:q}"

if (! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    if ($?prompt) then
        set _WHARF_OLD_PROMPT="$prompt:q"
        set prompt="(${VIRTUAL_ENV_PROMPT:q}) $prompt:q"
    endif
endif

rehash
