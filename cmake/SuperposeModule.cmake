# One call per module, one call per test program.

# GCC 12 warns of an overlapping copy in every inlined `"text" + std::string` (GCC bug 105651): a false alarm.
list(APPEND SUPERPOSE_WARNINGS $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

# superpose_module(name SOURCES a.cpp ... [DEPENDS module ...] [LIBRARIES target ...] [OBJECT] [IN_BATCHES])
# Makes target superpose_<name>. DEPENDS names modules; scripts/check holds the table of what is allowed.
# IN_BATCHES: up to eight files are compiled as one, as most of the time is reading libtorch's headers. So names in anonymous
# namespaces must differ within the module. Release builds alone: every other build (debug, tsan, coverage) compiles each
# file by itself, which finds a missing include.
# OBJECT: operators register themselves at load time, and a linker drops such files from a static library.
function(superpose_module name)
  cmake_parse_arguments(arg "OBJECT;IN_BATCHES" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  set(target superpose_${name})
  if(arg_OBJECT)
    add_library(${target} OBJECT ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  else()
    add_library(${target} STATIC ${arg_SOURCES})
  endif()
  if(arg_IN_BATCHES AND CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_compile_options(${target} PRIVATE ${SUPERPOSE_WARNINGS})
  foreach(module IN LISTS arg_DEPENDS)
    target_link_libraries(${target} PUBLIC superpose_${module})
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_LIBRARIES})
endfunction()

# What a test program is compiled with, its own code and the headers precompiled for it alike: GCC asks that they agree.
function(superpose_test_options target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/tests")
  # What a test measures is in the modules. Its own code is compiled once and run once: -O3 costs more than it gains.
  target_compile_options(${target} PRIVATE ${SUPERPOSE_WARNINGS} $<$<CONFIG:Release>:-O1>)
endfunction()

# superpose_test_headers(name LIBRARIES target ... HEADERS <header> ...)
# Headers that test programs share, compiled once: most of a test file's compilation is reading them. Test programs of the
# directory and those below it use them after set(SUPERPOSE_TEST_HEADERS name). Release builds alone: every other build
# (debug, tsan, coverage) compiles each file with what it includes by itself.
function(superpose_test_headers name)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    return()
  endif()
  cmake_parse_arguments(arg "" "" "LIBRARIES;HEADERS" ${ARGN})
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp" "")
  add_library(${name} OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  superpose_test_options(${name})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

# superpose_test(name SOURCES a_test.cpp ... [ALONE b_test.cpp ...] [DEPENDS module ...] [LIBRARIES target ...] [LABELS unit])
# Makes a GoogleTest program and hands each of its tests to CTest (labels: unit, integration, slow, browser).
# Sources are compiled in batches, as IN_BATCHES above. ALONE: further ones, each by itself, as their anonymous namespaces
# hold names that others have too.
function(superpose_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;ALONE;DEPENDS;LIBRARIES;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  add_executable(${name} ${arg_SOURCES} ${arg_ALONE})
  superpose_test_options(${name})
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
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
