# vc_component(NAME [DEPS …] [LINK …] [TEST_ARGS …])
#
# A folder of sources becomes the static library vc_NAME, and its *_test.cc the test program NAME_test.
# Fuzz targets (*_fuzz.cc) are built by VIRTCONTAINERS_FUZZ, and as a test that replays the corpus otherwise.

set(VC_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
    -Wno-missing-field-initializers -Werror)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC takes a source that is included by another for a header, whose unnamed namespaces would be many.
  list(APPEND VC_WARNINGS -Wno-subobject-linkage)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# All that ctest's label unit needs, and no more: what is built for the sanitizers.
add_custom_target(unit_tests)

function(vc_target_options target)
  target_compile_options(${target} PRIVATE ${VC_WARNINGS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  if(VIRTCONTAINERS_FUZZ)
    # The code under test reports what it covers: without that a fuzzer is blind.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(VIRTCONTAINERS_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${VIRTCONTAINERS_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${VIRTCONTAINERS_SANITIZE})
  endif()
endfunction()

# Of programs that only test: what takes a compiler long is their assertions, which nobody waits for.
function(vc_test_options target)
  vc_target_options(${target})
  target_compile_options(${target} PRIVATE -O0 -g1)
endfunction()

function(vc_component name)
  cmake_parse_arguments(ARG "" "" "DEPS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_main)\\.cc$")

  add_library(vc_${name} STATIC ${sources})
  vc_target_options(vc_${name})
  target_include_directories(vc_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  set(deps ${ARG_DEPS})
  list(TRANSFORM deps PREPEND vc_)
  target_link_libraries(vc_${name} PUBLIC ${deps} ${ARG_LINK} tl::expected Threads::Threads)

  if(VIRTCONTAINERS_TESTS AND tests)
    add_executable(${name}_test ${tests})
    vc_test_options(${name}_test)
    target_link_libraries(${name}_test PRIVATE vc_${name} GTest::gmock GTest::gtest_main)
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
    add_dependencies(unit_tests ${name}_test)
  endif()

  foreach(fuzzer ${fuzzers})
    get_filename_component(target ${fuzzer} NAME_WE)
    get_filename_component(folder ${fuzzer} DIRECTORY)
    vc_fuzzer(${target} ${fuzzer} ${folder}/corpus/${target} vc_${name})
  endforeach()
endfunction()

# vc_fuzzer(TARGET SOURCE CORPUS LIBRARY): a libFuzzer program with clang; with any other compiler the same entry
# point behind a main that replays the corpus, which ctest runs.
function(vc_fuzzer target source corpus library)
  if(VIRTCONTAINERS_FUZZ)
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${library})
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  elseif(VIRTCONTAINERS_TESTS)
    add_executable(${target} ${source} ${PROJECT_SOURCE_DIR}/test/fuzz/replay_main.cc)
    target_link_libraries(${target} PRIVATE ${library})
    add_test(NAME fuzz.${target} COMMAND ${target} ${corpus})
    set_tests_properties(fuzz.${target} PROPERTIES LABELS unit TIMEOUT 300)
    add_dependencies(unit_tests ${target})
  else()
    return()
  endif()
  vc_target_options(${target})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
endfunction()
