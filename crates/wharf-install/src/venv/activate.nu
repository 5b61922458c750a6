# Enters the Python environment beside this file. For Nushell: `overlay use .venv/bin/activate.nu`.
# Leave it with `deactivate`. Written anew by every `wharf sync`.

export-env {
    let root = @ROOT@
    let prompt = @PROMPT@
    let search = ($env.PATH | split row (char esep) | prepend ($root | path join "@BIN@"))
    load-env { VIRTUAL_ENV: $root, VIRTUAL_ENV_PROMPT: $prompt, PATH: $search }
    hide-env --ignore-errors PYTHONHOME
    if ($env.VIRTUAL_ENV_DISABLE_PROMPT? | is-empty) {
        let before = ($env.PROMPT_COMMAND? | default "")
        $env.PROMPT_COMMAND = {||
            let rest = if (($before | describe) == "closure") { do $before } else { $before }
            $"\(($env.VIRTUAL_ENV_PROMPT? | default "")\) ($rest)"
        }
    }
}

export alias deactivate = overlay hide activate
