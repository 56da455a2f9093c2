# C++ libraries inside a Python package that is installed as a wheel.

# superpose_find_wheel(name package)
# Sets cache variable <name>_ROOT, unless it is set already, to the folder of `package` as the interpreter <name>_PYTHON
# (default: .venv/bin/python) has it; leaves it empty where that knows of no such package.
function(superpose_find_wheel name package)
  set(${name}_PYTHON "${CMAKE_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH "Python whose ${package} wheel is used")
  set(${name}_ROOT "" CACHE PATH "site-packages/${package}, if it is not to be asked of ${name}_PYTHON")
  if(${name}_ROOT)
    return()
  endif()
  # find_spec finds the folder without importing the package.
  execute_process(
    COMMAND "${${name}_PYTHON}" -c
            "import importlib.util as u, os; print(os.path.dirname(u.find_spec('${package}').origin), end='')"
    OUTPUT_VARIABLE found RESULT_VARIABLE status ERROR_QUIET)
  if(status EQUAL 0)
    set(${name}_ROOT "${found}" CACHE PATH "site-packages/${package}" FORCE)
  endif()
endfunction()

# superpose_wheel_version(result file line)
# Sets `result` to the first version number in those lines of `file` that match `line`; empty where there is none.
function(superpose_wheel_version result file line)
  set(version "")
  if(EXISTS "${file}")
    file(STRINGS "${file}" text REGEX "${line}")
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${text}")
  endif()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()
