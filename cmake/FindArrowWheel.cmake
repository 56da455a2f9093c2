# Finds Arrow C++ and Parquet C++ inside an installed pyarrow wheel.
#
# Input    ArrowWheel_ROOT         folder that holds include/ and libarrow.so.* (site-packages/pyarrow), or
#          ArrowWheel_PYTHON       a Python interpreter whose pyarrow is asked for (default: .venv/bin/python)
# Result   ArrowWheel::parquet     libparquet + libarrow, headers as system headers
#          ArrowWheel_VERSION, ArrowWheel_ROOT
set(ArrowWheel_PYTHON "${CMAKE_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH "Python whose pyarrow wheel is used")
set(ArrowWheel_ROOT "" CACHE PATH "site-packages/pyarrow, if it is not to be asked of ArrowWheel_PYTHON")

if(NOT ArrowWheel_ROOT)
  # find_spec finds the folder without importing pyarrow.
  execute_process(
    COMMAND "${ArrowWheel_PYTHON}" -c
            "import importlib.util as u, os; print(os.path.dirname(u.find_spec('pyarrow').origin), end='')"
    OUTPUT_VARIABLE arrowwheel_found RESULT_VARIABLE arrowwheel_status ERROR_QUIET)
  if(arrowwheel_status EQUAL 0)
    set(ArrowWheel_ROOT "${arrowwheel_found}" CACHE PATH "site-packages/pyarrow" FORCE)
  endif()
endif()

# A wheel has the libraries under their versioned names alone.
foreach(name arrow parquet)
  file(GLOB arrowwheel_libraries "${ArrowWheel_ROOT}/lib${name}.so.*")
  if(ArrowWheel_ROOT AND arrowwheel_libraries)
    list(GET arrowwheel_libraries 0 ArrowWheel_${name}_LIBRARY)
  endif()
endforeach()
find_path(ArrowWheel_INCLUDE_DIR parquet/file_reader.h PATHS "${ArrowWheel_ROOT}/include" NO_DEFAULT_PATH)
set(arrowwheel_config "${ArrowWheel_INCLUDE_DIR}/arrow/util/config.h")
if(EXISTS "${arrowwheel_config}")
  file(STRINGS "${arrowwheel_config}" arrowwheel_version_line REGEX "ARROW_VERSION_STRING")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" ArrowWheel_VERSION "${arrowwheel_version_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  ArrowWheel
  REQUIRED_VARS ArrowWheel_arrow_LIBRARY ArrowWheel_parquet_LIBRARY ArrowWheel_INCLUDE_DIR
  VERSION_VAR ArrowWheel_VERSION
  FAIL_MESSAGE "no pyarrow wheel found: install pyarrow into .venv, or set ArrowWheel_ROOT or ArrowWheel_PYTHON")

if(ArrowWheel_FOUND AND NOT TARGET ArrowWheel::parquet)
  add_library(ArrowWheel::arrow SHARED IMPORTED)
  set_target_properties(ArrowWheel::arrow PROPERTIES IMPORTED_LOCATION "${ArrowWheel_arrow_LIBRARY}")
  add_library(ArrowWheel::parquet SHARED IMPORTED)
  set_target_properties(ArrowWheel::parquet PROPERTIES IMPORTED_LOCATION "${ArrowWheel_parquet_LIBRARY}")
  target_include_directories(ArrowWheel::parquet SYSTEM INTERFACE "${ArrowWheel_INCLUDE_DIR}")
  target_link_libraries(ArrowWheel::parquet INTERFACE ArrowWheel::arrow)
endif()
mark_as_advanced(ArrowWheel_INCLUDE_DIR)
