#include "monitor/attachments.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/errors.h"
#include "monitor/undo_time.h"

namespace virtcontainers {
namespace {

auto HasName(std::string_view name) {
  return [name](const auto& attachment) { return attachment->name() == name; };
}

std::vector<std::string> IdsOf(const std::vector<Device>& devices) {
  std::vector<std::string> ids;
  for (const Device& device : devices) ids.push_back(IdOf(device));
  return ids;
}

void Note(Status& first, Status done) {
  if (!done && first) first = std::move(done);
}

}  // namespace

Status Attachments::Prepare(Deadline deadline) {
  for (size_t i = 0; i < list_.size(); ++i) {
    Status prepared = list_[i]->Prepare(deadline);
    if (prepared) continue;
    while (i-- > 0) (void)list_[i]->Release(Deadline::After(kUndo));
    return prepared;
  }
  return {};
}

std::vector<Device> Attachments::devices() const {
  std::vector<Device> devices;
  for (const auto& attachment : list_) {
    for (Device& device : attachment->devices()) devices.push_back(std::move(device));
  }
  return devices;
}

Status Attachments::Plugged(const ProcessIdentity& vm, Deadline deadline) {
  for (const auto& attachment : list_) VC_RETURN_IF_ERROR(attachment->Plugged(vm, deadline));
  return {};
}

void Attachments::Describe(SandboxConfig& sandbox) const {
  for (const auto& attachment : list_) attachment->Describe(sandbox);
}

Status Attachments::Introduce(Agent& agent, Deadline deadline) {
  for (const auto& attachment : list_) VC_RETURN_IF_ERROR(attachment->Introduce(agent, deadline));
  return {};
}

Status Attachments::Adopt(const std::vector<AttachmentRecord>& records, Deadline deadline) {
  for (const auto& attachment : list_) {
    const auto record = std::find_if(records.begin(), records.end(), [&](const AttachmentRecord& candidate) {
      return candidate.name == attachment->name();
    });
    VC_RETURN_IF_ERROR(attachment->Adopt(record == records.end() ? nullptr : &*record, deadline));
  }
  return {};
}

Status Attachments::RemoveStrays(Hypervisor& hypervisor, Deadline deadline) {
  std::vector<std::string> known;
  for (const AttachmentRecord& record : this->record()) {
    known.insert(known.end(), record.devices.begin(), record.devices.end());
  }
  std::vector<std::string> strays;
  const auto add = [&](const std::string& id) {
    const auto is = [&](const std::vector<std::string>& ids) {
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    if (!is(known) && !is(strays)) strays.push_back(id);
  };
  // Announced, and perhaps made by half, which the VMM does not list.
  for (const Effect& effect : effects_.open()) {
    if (effect.kind == EffectKind::kDevice) add(effect.what);
  }
  const Result<std::vector<PluggedDevice>> plugged = hypervisor.ListDevices(deadline);
  if (!plugged && plugged.error().code() != Code::kUnimplemented) return Fail(Error(plugged.error()));
  if (plugged) {
    for (const PluggedDevice& device : *plugged) add(device.id);
  }
  return Unplug(strays, hypervisor, deadline);
}

Status Attachments::Plug(Attachment& attachment, Hypervisor& hypervisor, Deadline deadline) {
  std::vector<std::string> plugged;
  for (const Device& device : attachment.devices()) {
    Status added = effects_.Announce(EffectKind::kDevice, IdOf(device));
    if (added) {
      plugged.push_back(IdOf(device));
      added = hypervisor.AddDevice(device, deadline).map([](const GuestAddress&) {});
    }
    if (added) {
      effects_.Confirm(EffectKind::kDevice, IdOf(device));
      continue;
    }
    attachment.BeforeUnplug();
    (void)Unplug(plugged, hypervisor, Deadline::After(kUndo));
    return added;
  }
  return {};
}

Status Attachments::Unplug(const std::vector<std::string>& devices, Hypervisor& hypervisor,
                           Deadline deadline) {
  Status first;
  for (auto id = devices.rbegin(); id != devices.rend(); ++id) {
    Status removed = hypervisor.RemoveDevice(*id, deadline);
    if (removed) effects_.End(EffectKind::kDevice, *id);
    Note(first, std::move(removed));
  }
  return first;
}

Status Attachments::AddToRunning(std::unique_ptr<Attachment> attachment, Hypervisor& hypervisor, Agent& agent,
                                 const ProcessIdentity& vm, Deadline deadline) {
  if (std::any_of(list_.begin(), list_.end(), HasName(attachment->name()))) {
    return Fail(Code::kAlreadyExists,
                Quoted(attachment->name()) + " is attached already: remove it first, or give another name");
  }
  VC_RETURN_IF_ERROR(attachment->Prepare(deadline));
  Status added = Plug(*attachment, hypervisor, deadline);
  if (added) {
    const std::vector<std::string> devices = IdsOf(attachment->devices());
    added = attachment->Plugged(vm, deadline);
    if (added) added = attachment->Introduce(agent, deadline);
    if (!added) {
      attachment->BeforeUnplug();
      (void)Unplug(devices, hypervisor, Deadline::After(kUndo));
    }
  }
  if (!added) {
    (void)attachment->Release(Deadline::After(kUndo));
    return added;
  }
  const std::lock_guard lock(mutex_);
  list_.push_back(std::move(attachment));
  return {};
}

Status Attachments::RemoveFromRunning(std::string_view name, Hypervisor& hypervisor, Deadline deadline) {
  const auto found = std::find_if(list_.begin(), list_.end(), HasName(name));
  if (found == list_.end()) return {};
  (*found)->BeforeUnplug();
  VC_RETURN_IF_ERROR(Unplug((*found)->record().devices, hypervisor, deadline));
  VC_RETURN_IF_ERROR((*found)->Release(deadline));
  const std::lock_guard lock(mutex_);
  list_.erase(found);
  return {};
}

Status Attachments::Show(ContainerOnItsWay& container) {
  for (size_t i = 0; i < list_.size(); ++i) {
    Status shown = list_[i]->Show(container);
    if (shown) continue;
    while (i-- > 0) (void)list_[i]->Hide(container.container.config.id);
    return shown;
  }
  return {};
}

Status Attachments::Hide(const std::string& container) {
  for (auto attachment = list_.rbegin(); attachment != list_.rend(); ++attachment) {
    VC_RETURN_IF_ERROR((*attachment)->Hide(container));
  }
  return {};
}

Status Attachments::Release(Deadline deadline) {
  Status first;
  for (auto attachment = list_.rbegin(); attachment != list_.rend(); ++attachment) {
    Note(first, (*attachment)->Release(deadline));
  }
  return first;
}

void Attachments::Leave() {
  for (const auto& attachment : list_) attachment->Leave();
}

std::vector<AttachmentRecord> Attachments::record() const {
  const std::lock_guard lock(mutex_);
  std::vector<AttachmentRecord> records;
  for (const auto& attachment : list_) records.push_back(attachment->record());
  return records;
}

}  // namespace virtcontainers
