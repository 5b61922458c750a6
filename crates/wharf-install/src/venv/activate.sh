# Enters the Python environment beside this file. For bash, zsh, dash and other POSIX shells: `. .venv/bin/activate`.
# Leave it with `deactivate`. Written anew by every `wharf sync`.

# An environment that is active now, of whichever tool, is left first, or its PATH would stay behind ours.
if [ -n "${VIRTUAL_ENV-}" ] && command -v deactivate >/dev/null 2>&1; then
    deactivate || true
fi

deactivate () {
    if [ -n "${_WHARF_OLD_PATH+set}" ]; then
        PATH=$_WHARF_OLD_PATH
        export PATH
        unset _WHARF_OLD_PATH
    fi
    if [ -n "${_WHARF_OLD_PYTHONHOME+set}" ]; then
        PYTHONHOME=$_WHARF_OLD_PYTHONHOME
        export PYTHONHOME
        unset _WHARF_OLD_PYTHONHOME
    fi
    if [ -n "${_WHARF_OLD_PS1+set}" ]; then
        PS1=$_WHARF_OLD_PS1
        unset _WHARF_OLD_PS1
    fi
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    # The shell remembers where commands were found.
    hash -r 2>/dev/null || true
    if [ "${1-}" != nondestructive ]; then
        unset -f deactivate
    fi
}

VIRTUAL_ENV=@ROOT@
VIRTUAL_ENV_PROMPT=@PROMPT@
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT

_WHARF_OLD_PATH=${PATH-}
PATH=$VIRTUAL_ENV/@BIN@${PATH:+:$PATH}
export PATH

# PYTHONHOME would send the environment's Python to another installation's library.
if [ -n "${PYTHONHOME-}" ]; then
    _WHARF_OLD_PYTHONHOME=$PYTHONHOME
    unset PYTHONHOME
fi

if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ] && [ -n "${PS1-}" ]; then
    _WHARF_OLD_PS1=$PS1
    PS1="($VIRTUAL_ENV_PROMPT) $PS1"
fi

hash -r 2>/dev/null || true
