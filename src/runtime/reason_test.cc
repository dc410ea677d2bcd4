// The reasons that a program branches on.

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class ReasonTest : public RuntimeTest {
 protected:
  template <typename R>
  static std::string ReasonOf(const R& result) {
    if (result) return "it succeeded";
    return std::string(CodeName(result.error().code())) + " " +
           std::string(ReasonName(result.error().reason()));
  }
};

TEST_F(ReasonTest, UnknownPod_IsPodNotFound) {
  EXPECT_EQ(ReasonOf(runtime_.PodStatus("p")), "NOT_FOUND pod-not-found");
  EXPECT_EQ(ReasonOf(runtime_.StartPod("p", Soon())), "NOT_FOUND pod-not-found");
  EXPECT_EQ(ReasonOf(runtime_.EnterContainer("p", "c", Command({"true"}), Soon())),
            "NOT_FOUND pod-not-found");
}

TEST_F(ReasonTest, PodThatDoesNotRun_IsPodNotRunning) {
  ASSERT_OK(runtime_.CreatePod(Pod("p", {Container("c")})));
  EXPECT_EQ(ReasonOf(runtime_.EnterPod("p", Command({"true"}), Soon())),
            "FAILED_PRECONDITION pod-not-running");
  EXPECT_EQ(ReasonOf(runtime_.StartContainer("p", "c", Soon())), "FAILED_PRECONDITION pod-not-running");
  EXPECT_EQ(ReasonOf(runtime_.EnterContainer("p", "c", Command({"true"}), Soon())),
            "FAILED_PRECONDITION pod-not-running");
}

TEST_F(ReasonTest, UnknownContainerOrProcess_IsNotFound) {
  CreateAndStart(Pod("p", {Container("c")}));
  EXPECT_EQ(ReasonOf(runtime_.ContainerStatus("p", "x")), "NOT_FOUND container-not-found");
  EXPECT_EQ(ReasonOf(runtime_.OpenProcess("p", "c", "x")), "NOT_FOUND process-not-found");
}

TEST_F(ReasonTest, ContainerThatHasStopped_IsContainerNotRunning) {
  CreateAndStart(Pod("p", {Container("c")}));
  ASSERT_OK(runtime_.StopContainer("p", "c", milliseconds(0), Soon()));
  EXPECT_EQ(ReasonOf(runtime_.EnterContainer("p", "c", Command({"true"}), Soon())),
            "FAILED_PRECONDITION container-not-running");
}

TEST_F(ReasonTest, InputThatIsClosed_IsInputClosed) {
  CreateAndStart(Pod("p", {Container("c")}));
  const auto cat = runtime_.EnterContainer("p", "c", Command({"cat"}), Soon());
  ASSERT_OK(cat);
  ASSERT_OK((*cat)->CloseStdin(Soon()));
  EXPECT_EQ(ReasonOf((*cat)->WriteStdin("x", Soon())), "FAILED_PRECONDITION input-closed");
}

TEST_F(ReasonTest, PodThatStopsDuringACall_IsPodNotRunning) {
  CreateAndStart(Pod("p", {Container("c")}));
  const auto cat = runtime_.EnterContainer("p", "c", Command({"cat"}), Soon());
  ASSERT_OK(cat);
  ASSERT_OK(runtime_.StopPod("p", milliseconds(0), Soon()));
  EXPECT_EQ(ReasonOf((*cat)->Wait(Soon())), "UNAVAILABLE pod-not-running");
}

}  // namespace
}  // namespace virtcontainers
