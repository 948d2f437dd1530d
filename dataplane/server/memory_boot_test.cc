#include "dataplane/server/memory_boot.h"

#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pollux {
namespace {

const std::vector<CpuNode> kTwoNodes = {{0, 0}, {1, 0}, {2, 1}, {3, 1}};

TEST(PlanNodes, NothingIsSaidOrDoneWhereNodesAreUnknownOrOne) {
  for (const int nic : {-1, 0}) {
    const NodePlan plan = plan_nodes(nic, {{0, 0}}, {{0, 0}, {1, 0}});
    EXPECT_EQ(plan.prefer, -1);
    EXPECT_EQ(plan.warning, "");
  }
  EXPECT_EQ(plan_nodes(-1, {{2, 1}}, kTwoNodes).prefer, -1);
  EXPECT_EQ(plan_nodes(0, {{0, -1}}, {{0, -1}, {1, 1}}).prefer, -1);
  EXPECT_EQ(plan_nodes(0, {{0, -1}}, {{0, -1}, {1, 1}}).warning, "");
}

TEST(PlanNodes, WorkersBesideTheNicHaveItsMemoryAndNoWarning) {
  const NodePlan plan = plan_nodes(1, {{2, 1}, {3, 1}}, kTwoNodes);
  EXPECT_EQ(plan.prefer, 1);
  EXPECT_EQ(plan.warning, "");
}

TEST(PlanNodes, WorkersFarFromTheNicAreToldWhereToGo) {
  const NodePlan plan = plan_nodes(1, {{0, 0}, {2, 1}}, kTwoNodes);
  EXPECT_EQ(plan.prefer, 1);
  EXPECT_NE(plan.warning.find("processors 0 are"), std::string::npos) << plan.warning;
  EXPECT_NE(plan.warning.find("worker-cpus 2,3"), std::string::npos) << plan.warning;
  EXPECT_EQ(plan.warning.find("with workers"), std::string::npos) << plan.warning;
  const NodePlan many = plan_nodes(1, kTwoNodes, kTwoNodes);
  EXPECT_NE(many.warning.find("worker-cpus 2,3 with workers 2"), std::string::npos) << many.warning;
}

TEST(PlanNodes, WithoutAProcessorOfTheNicsNodeOneIsToBeAllowed) {
  const NodePlan plan = plan_nodes(1, {{0, 0}}, {{0, 0}, {1, 0}});
  EXPECT_EQ(plan.prefer, 1);
  EXPECT_NE(plan.warning.find("taskset"), std::string::npos) << plan.warning;
  EXPECT_EQ(plan.warning.find("worker-cpus"), std::string::npos) << plan.warning;
}

TEST(PlanNodes, TheProcessorsOfThisMachineAreFound) {
  const std::vector<CpuNode> nodes = nodes_of({0, 1'000});
  EXPECT_EQ(nodes[0].cpu, 0);
  EXPECT_GE(nodes[0].node, access("/sys/devices/system/cpu/cpu0/node0", F_OK) == 0 ? 0 : -1);
  EXPECT_EQ(nodes[1].node, -1) << "there is none of this number";
}

TEST(ChooseHugePages, WhatEachWorkerHoldsIsReckonedWith) {
  constexpr int64_t kMiB = 1 << 20;
  EXPECT_EQ(bytes_in_huge_pages(0, 32), 0) << "as many as come";
  EXPECT_EQ(bytes_in_huge_pages(64 * kMiB, 1), 76 * kMiB);
  EXPECT_EQ(bytes_in_huge_pages(64 * kMiB, 32), (64 + 32 * 12) * kMiB);
}

TEST(PreferNode, TheKernelTakesItForTheThread) {
  if (!prefer_node(0)) {
    GTEST_SKIP() << "the kernel refuses set_mempolicy here";
  }
  int mode = -1;
  ASSERT_EQ(syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0), 0);
  EXPECT_EQ(mode, MPOL_PREFERRED);
  EXPECT_EQ(syscall(SYS_set_mempolicy, MPOL_DEFAULT, nullptr, 0), 0);
  EXPECT_FALSE(prefer_node(1'000)) << "there is no such node";
}

}  // namespace
}  // namespace pollux
