# One call per module, one call per test program.

# GCC 12 warns of an overlapping copy in every inlined `"text" + std::string` (GCC bug 105651): a false alarm.
list(APPEND SUPERPOSE_WARNINGS $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

# Headers that many files read, compiled once: of a file's compilation that is the most. In Release builds alone; every
# other build (debug, tsan, coverage) compiles each file with what it includes by itself.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND SUPERPOSE_PRECOMPILE)
  set(precompile ON)
else()
  set(precompile OFF)
endif()

# superpose_module_headers(name LIBRARIES target ... HEADERS <header> ...)
# What the modules after set(SUPERPOSE_MODULE_HEADERS name) share, in the directory and those below it.
function(superpose_module_headers name)
  if(NOT precompile)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "LIBRARIES;HEADERS" ${ARGN})
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp" "")
  add_library(${name} OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  target_compile_options(${name} PRIVATE ${SUPERPOSE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

# superpose_module(name SOURCES a.cpp ... [DEPENDS module ...] [LIBRARIES target ...] [OBJECT] [HEADERS <header> ...])
# Makes target superpose_<name>. DEPENDS names modules; scripts/check holds the table of what is allowed.
# OBJECT: operators register themselves at load time, and a linker drops such files from a static library.
# HEADERS: precompiled for it alone, where its flags are others than those of SUPERPOSE_MODULE_HEADERS.
function(superpose_module name)
  cmake_parse_arguments(arg "OBJECT" "" "SOURCES;DEPENDS;LIBRARIES;HEADERS" ${ARGN})
  set(target superpose_${name})
  if(arg_OBJECT)
    add_library(${target} OBJECT ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  else()
    add_library(${target} STATIC ${arg_SOURCES})
  endif()
  target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_compile_options(${target} PRIVATE ${SUPERPOSE_WARNINGS})
  foreach(module IN LISTS arg_DEPENDS)
    target_link_libraries(${target} PUBLIC superpose_${module})
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_LIBRARIES})
  if(precompile AND arg_HEADERS)
    target_precompile_headers(${target} PRIVATE ${arg_HEADERS})
  elseif(TARGET "${SUPERPOSE_MODULE_HEADERS}")
    target_precompile_headers(${target} REUSE_FROM ${SUPERPOSE_MODULE_HEADERS})
  endif()
endfunction()

# What a test program is compiled with, its own code and the headers precompiled for it alike: GCC asks that they agree.
function(superpose_test_options target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/tests")
  # What a test measures is in the modules. Its own code is compiled once and run once: -O3 costs more than it gains.
  target_compile_options(${target} PRIVATE ${SUPERPOSE_WARNINGS} $<$<CONFIG:Release>:-O1>)
endfunction()

# superpose_test_headers(name LIBRARIES target ... HEADERS <header> ...)
# Headers that test programs share. Test programs of the directory and those below it use them after
# set(SUPERPOSE_TEST_HEADERS name).
function(superpose_test_headers name)
  if(NOT precompile)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "LIBRARIES;HEADERS" ${ARGN})
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp" "")
  add_library(${name} OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  superpose_test_options(${name})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

# superpose_test(name SOURCES a_test.cpp ... [DEPENDS module ...] [LIBRARIES target ...] [LABELS unit])
# Makes a GoogleTest program and hands each of its tests to CTest (labels: unit, integration, slow, browser).
function(superpose_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  add_executable(${name} ${arg_SOURCES})
  superpose_test_options(${name})
  if(TARGET "${SUPERPOSE_TEST_HEADERS}")
    target_precompile_headers(${name} REUSE_FROM ${SUPERPOSE_TEST_HEADERS})
  endif()
  target_compile_definitions(
    ${name} PRIVATE SUPERPOSE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SUPERPOSE_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared"
                    SUPERPOSE_BUILD_DIR="${CMAKE_BINARY_DIR}" SUPERPOSE_PYTHON="${Libtorch_PYTHON}")
  foreach(module IN LISTS arg_DEPENDS)
    target_link_libraries(${name} PRIVATE superpose_${module})
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  # One CTest entry a program: each entry pays the start of libtorch (0.3 s) once.
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600)
endfunction()
