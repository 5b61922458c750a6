# Enters the Python environment beside this file. For fish: `source .venv/bin/activate.fish`.
# Leave it with `deactivate`. Written anew by every `wharf sync`.

if set -q VIRTUAL_ENV; and functions -q deactivate
    deactivate
end

function deactivate --description 'Leave the Python environment'
    if set -q _WHARF_OLD_PATH
        set -gx PATH $_WHARF_OLD_PATH
        set -e _WHARF_OLD_PATH
    end
    if set -q _WHARF_OLD_PYTHONHOME
        set -gx PYTHONHOME $_WHARF_OLD_PYTHONHOME
        set -e _WHARF_OLD_PYTHONHOME
    end
    if functions -q _wharf_old_fish_prompt
        functions -e fish_prompt
        functions -c _wharf_old_fish_prompt fish_prompt
        functions -e _wharf_old_fish_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

set -gx VIRTUAL_ENV @ROOT@
set -gx VIRTUAL_ENV_PROMPT @PROMPT@

set -g _WHARF_OLD_PATH $PATH
set -gx PATH $VIRTUAL_ENV/@BIN@ $PATH

if set -q PYTHONHOME
    set -g _WHARF_OLD_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _wharf_old_fish_prompt
    function fish_prompt
        # The prompt below may show the exit status of the last command, which this line must not change.
        set -l last $status
        printf '(%s) ' $VIRTUAL_ENV_PROMPT
        function _wharf_status
            return $argv[1]
        end
        _wharf_status $last
        _wharf_old_fish_prompt
    end
end
