#include "virtcontainers/runtime.h"

#include <memory>
#include <utility>

#include "base/errors.h"
#include "pod/store.h"
#include "runtime/locations.h"
#include "runtime/runtime_impl.h"

namespace virtcontainers {

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

Result<Runtime> Runtime::Open(RuntimeOptions options) {
  VC_ASSIGN_OR_RETURN(options, ResolveLocations(std::move(options)));
  VC_ASSIGN_OR_RETURN(Store store, Store::Open(options.root, options.run));
  return Runtime(std::make_unique<Impl>(std::move(options), std::move(store)));
}

const RuntimeOptions& Runtime::options() const { return impl_->options(); }

}  // namespace virtcontainers
