# Describes the interpreter that runs it as one line of JSON after a marker.
# Must run on every CPython and PyPy since 3.6, without site-packages (-I -S).
import json
import os
import platform
import struct
import sys
import sysconfig


def implementation_version():
    info = sys.implementation.version
    text = "{0.major}.{0.minor}.{0.micro}".format(info)
    if info.releaselevel != "final":
        text += info.releaselevel[0] + str(info.serial)
    return text


def libc():
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        return {"name": name, "version": version}
    except Exception:
        return None


def base_executable():
    # Python 3.6 and 3.7.0-3.7.2 know no _base_executable; PyPy before 3.8 neither.
    base = getattr(sys, "_base_executable", None)
    if base and (sys.prefix == sys.base_prefix or base != sys.executable):
        return base
    if sys.prefix == sys.base_prefix:
        return sys.executable
    name = "pypy3" if sys.implementation.name == "pypy" else "python%d.%d" % sys.version_info[:2]
    return os.path.join(sys.base_prefix, "bin", name)


def scheme():
    # Where an environment of this interpreter keeps things, relative to its root.
    names = sysconfig.get_scheme_names()
    name = "venv" if "venv" in names else "pypy" if "pypy" in names else "posix_prefix"
    root = os.sep + "@"
    variables = {"base": root, "platbase": root, "installed_base": root, "installed_platbase": root,
                 "prefix": root, "exec_prefix": root}
    paths = sysconfig.get_paths(name, vars=variables)
    wanted = ("purelib", "platlib", "scripts", "data")
    return {key: os.path.relpath(paths[key], root) for key in wanted}


def magic():
    from importlib.util import MAGIC_NUMBER
    return "".join("%02x" % byte for byte in MAGIC_NUMBER)


facts = {
    "implementation": sys.implementation.name,
    "executable": sys.executable,
    "base_executable": base_executable(),
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "scheme": scheme(),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "platform": sysconfig.get_platform(),
    "libc": libc(),
    "pointer_bits": struct.calcsize("P") * 8,
    "gil_disabled": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount"),
    "extension_suffix": sysconfig.get_config_var("EXT_SUFFIX"),
    "cache_tag": sys.implementation.cache_tag,
    "magic": magic(),
}
sys.stdout.write("wharf-facts:" + json.dumps(facts) + "\n")
