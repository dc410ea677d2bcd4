// The commands that commands.cc lists, each made in the file of its name or of its kind.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_COMMANDS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_COMMANDS_H_

#include <memory>

#include "command.h"

namespace virtc {

std::unique_ptr<Command> MakePodCreate();
std::unique_ptr<Command> MakePodRun();
std::unique_ptr<Command> MakePodStart();
std::unique_ptr<Command> MakePodStop();
std::unique_ptr<Command> MakePodDelete();
std::unique_ptr<Command> MakePodList();
std::unique_ptr<Command> MakePodStatus();
std::unique_ptr<Command> MakePodEnter();
std::unique_ptr<Command> MakePodDial();
std::unique_ptr<Command> MakePodPause();
std::unique_ptr<Command> MakePodResume();
std::unique_ptr<Command> MakePodStats();
std::unique_ptr<Command> MakePodPort();

std::unique_ptr<Command> MakeContainerCreate();
std::unique_ptr<Command> MakeContainerStart();
std::unique_ptr<Command> MakeContainerStop();
std::unique_ptr<Command> MakeContainerDelete();
std::unique_ptr<Command> MakeContainerList();
std::unique_ptr<Command> MakeContainerStatus();
std::unique_ptr<Command> MakeContainerEnter();
std::unique_ptr<Command> MakeContainerAttach();
std::unique_ptr<Command> MakeContainerLogs();
std::unique_ptr<Command> MakeContainerWait();
std::unique_ptr<Command> MakeContainerKill();
std::unique_ptr<Command> MakeContainerPause();
std::unique_ptr<Command> MakeContainerResume();
std::unique_ptr<Command> MakeContainerUpdate();
std::unique_ptr<Command> MakeContainerStats();
std::unique_ptr<Command> MakeContainerTop();
std::unique_ptr<Command> MakeContainerCopy();

std::unique_ptr<Command> MakeNetworkAdd();
std::unique_ptr<Command> MakeNetworkRemove();
std::unique_ptr<Command> MakeNetworkList();
std::unique_ptr<Command> MakeRouteAdd();
std::unique_ptr<Command> MakeRouteRemove();

std::unique_ptr<Command> MakeRun();
std::unique_ptr<Command> MakeExec();
std::unique_ptr<Command> MakeEvents();
std::unique_ptr<Command> MakeMonitor();
std::unique_ptr<Command> MakeGarbage();
std::unique_ptr<Command> MakeDoctor();
std::unique_ptr<Command> MakeVersion();
std::unique_ptr<Command> MakeCompletion();
std::unique_ptr<Command> MakeComplete();
std::unique_ptr<Command> MakeManual();

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_COMMANDS_H_
