# Finds libtorch inside an installed torch wheel, without find_package(Torch): that one stops on a CUDA wheel when no
# CUDA toolkit is installed. Works with CPU and CUDA wheels alike.
#
# Input    Libtorch_ROOT           folder that holds include/ and lib/ (site-packages/torch), or
#          Libtorch_PYTHON         a Python interpreter whose torch is asked for (default: .venv/bin/python)
# Result   Libtorch::torch         libtorch + libtorch_cpu + libc10, headers as system headers, C++ ABI of the wheel
#          Libtorch::gomp          the wheel's own OpenMP runtime, so that one libgomp serves it and us
#          Libtorch_VERSION, Libtorch_ROOT, Libtorch_LIBRARY_DIR, Libtorch_WITH_CUDA
include(PythonWheel)
superpose_find_wheel(Libtorch torch)

set(Libtorch_LIBRARY_DIR "${Libtorch_ROOT}/lib")
find_library(Libtorch_torch_LIBRARY torch PATHS "${Libtorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
find_library(Libtorch_cpu_LIBRARY torch_cpu PATHS "${Libtorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
find_library(Libtorch_c10_LIBRARY c10 PATHS "${Libtorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
find_library(Libtorch_cuda_LIBRARY torch_cuda PATHS "${Libtorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
find_library(Libtorch_c10_cuda_LIBRARY c10_cuda PATHS "${Libtorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
find_path(Libtorch_INCLUDE_DIR ATen/core/Tensor.h PATHS "${Libtorch_ROOT}/include" NO_DEFAULT_PATH)

# A wheel may ship its OpenMP runtime under a hashed name, in torch/lib or in torch.libs next to it.
file(GLOB libtorch_gomp "${Libtorch_LIBRARY_DIR}/libgomp*.so*" "${Libtorch_ROOT}/../torch.libs/libgomp*.so*")
list(LENGTH libtorch_gomp libtorch_gomp_count)
if(libtorch_gomp_count GREATER 0)
  list(GET libtorch_gomp 0 Libtorch_gomp_LIBRARY)
endif()

superpose_wheel_version(Libtorch_VERSION "${Libtorch_ROOT}/version.py" "^__version__")
if(Libtorch_cuda_LIBRARY)
  set(Libtorch_WITH_CUDA TRUE)
else()
  set(Libtorch_WITH_CUDA FALSE)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libtorch
  REQUIRED_VARS Libtorch_torch_LIBRARY Libtorch_cpu_LIBRARY Libtorch_c10_LIBRARY Libtorch_INCLUDE_DIR
                Libtorch_gomp_LIBRARY
  VERSION_VAR Libtorch_VERSION
  FAIL_MESSAGE "no torch wheel found: install requirements.txt into .venv, or set Libtorch_ROOT or Libtorch_PYTHON")

if(Libtorch_FOUND AND NOT TARGET Libtorch::torch)
  add_library(Libtorch::gomp SHARED IMPORTED)
  set_target_properties(Libtorch::gomp PROPERTIES IMPORTED_LOCATION "${Libtorch_gomp_LIBRARY}")

  add_library(Libtorch::torch INTERFACE IMPORTED)
  target_include_directories(
    Libtorch::torch SYSTEM INTERFACE "${Libtorch_INCLUDE_DIR}" "${Libtorch_INCLUDE_DIR}/torch/csrc/api/include")
  set(libtorch_link "${Libtorch_torch_LIBRARY}" "${Libtorch_cpu_LIBRARY}" "${Libtorch_c10_LIBRARY}")
  if(Libtorch_WITH_CUDA)
    # Nothing of ours calls into these two; they are kept so that their registrations load.
    list(APPEND libtorch_link "-Wl,--no-as-needed" "${Libtorch_cuda_LIBRARY}" "${Libtorch_c10_cuda_LIBRARY}"
         "-Wl,--as-needed")
  endif()
  # --allow-shlib-undefined: a CUDA wheel's libraries need CUDA ones that the wheel finds at run time by itself.
  target_link_libraries(Libtorch::torch INTERFACE ${libtorch_link} Libtorch::gomp)
  target_link_options(Libtorch::torch INTERFACE "-Wl,--allow-shlib-undefined")
  # c10d's headers are complete only with the back ends that the wheel was built with. Per operator: without it
  # ATen/TensorOperators.h alone includes every operator there is (2 s more for each file).
  target_compile_definitions(Libtorch::torch INTERFACE USE_DISTRIBUTED USE_C10D USE_C10D_GLOO AT_PER_OPERATOR_HEADERS)
endif()
mark_as_advanced(Libtorch_torch_LIBRARY Libtorch_cpu_LIBRARY Libtorch_c10_LIBRARY Libtorch_cuda_LIBRARY
                 Libtorch_c10_cuda_LIBRARY Libtorch_INCLUDE_DIR)
