# Enters the Python environment beside this file. For PowerShell: `. .venv/bin/activate.ps1`.
# Leave it with `deactivate`. Written anew by every `wharf sync`.

function global:deactivate ([switch] $NonDestructive) {
    if (Test-Path variable:global:_WHARF_OLD_PATH) {
        $env:PATH = $global:_WHARF_OLD_PATH
        Remove-Variable -Name _WHARF_OLD_PATH -Scope Global
    }
    if (Test-Path variable:global:_WHARF_OLD_PYTHONHOME) {
        $env:PYTHONHOME = $global:_WHARF_OLD_PYTHONHOME
        Remove-Variable -Name _WHARF_OLD_PYTHONHOME -Scope Global
    }
    if (Test-Path function:_wharf_old_prompt) {
        Copy-Item -Path function:_wharf_old_prompt -Destination function:prompt
        Remove-Item -Path function:_wharf_old_prompt
    }
    foreach ($name in 'VIRTUAL_ENV', 'VIRTUAL_ENV_PROMPT') {
        if (Test-Path "env:$name") { Remove-Item -Path "env:$name" }
    }
    if (-not $NonDestructive) { Remove-Item -Path function:deactivate }
}

deactivate -NonDestructive

$env:VIRTUAL_ENV = @ROOT@
$env:VIRTUAL_ENV_PROMPT = @PROMPT@

$global:_WHARF_OLD_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV '@BIN@') + [System.IO.Path]::PathSeparator + $env:PATH

if (Test-Path env:PYTHONHOME) {
    $global:_WHARF_OLD_PYTHONHOME = $env:PYTHONHOME
    Remove-Item -Path env:PYTHONHOME
}

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    function global:_wharf_old_prompt { '' }
    Copy-Item -Path function:prompt -Destination function:_wharf_old_prompt
    function global:prompt {
        Write-Host -NoNewline -ForegroundColor Green "($env:VIRTUAL_ENV_PROMPT) "
        _wharf_old_prompt
    }
}
