# Finds Arrow C++ and Parquet C++ inside an installed pyarrow wheel.
#
# Input    ArrowWheel_ROOT         folder that holds include/ and libarrow.so.* (site-packages/pyarrow), or
#          ArrowWheel_PYTHON       a Python interpreter whose pyarrow is asked for (default: .venv/bin/python)
# Result   ArrowWheel::parquet     libparquet + libarrow, headers as system headers
#          ArrowWheel_VERSION, ArrowWheel_ROOT
include(PythonWheel)
superpose_find_wheel(ArrowWheel pyarrow)

# A wheel has the libraries under their versioned names alone.
foreach(name arrow parquet)
  file(GLOB arrowwheel_libraries "${ArrowWheel_ROOT}/lib${name}.so.*")
  if(ArrowWheel_ROOT AND arrowwheel_libraries)
    list(GET arrowwheel_libraries 0 ArrowWheel_${name}_LIBRARY)
  endif()
endforeach()
find_path(ArrowWheel_INCLUDE_DIR parquet/file_reader.h PATHS "${ArrowWheel_ROOT}/include" NO_DEFAULT_PATH)
superpose_wheel_version(
  ArrowWheel_VERSION "${ArrowWheel_INCLUDE_DIR}/arrow/util/config.h" ARROW_VERSION_STRING)

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
