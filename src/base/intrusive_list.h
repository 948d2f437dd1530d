// A doubly linked list through nodes that live inside their owners; the list owns nothing.
// Insert and unlink are O(1) and never allocate. A node unlinks itself when it is destroyed.
#pragma once

#include "src/base/assert.h"

namespace pollux {

struct ListLink {
  ListLink* prev = nullptr;
  ListLink* next = nullptr;

  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }

  bool linked() const { return next != nullptr; }
  void unlink() {
    if (next == nullptr) {
      return;
    }
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

// T derives from ListLink, or from Tag-ed nodes that do (one base per list a T may be in).
template <typename T, typename Node = ListLink>
class IntrusiveList {
 public:
  IntrusiveList() { root_.prev = root_.next = &root_; }
  ~IntrusiveList() {
    while (!empty()) {
      front().Node::unlink();
    }
    root_.prev = root_.next = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return root_.next == &root_; }
  // Requires !empty().
  T& front() { return static_cast<T&>(*static_cast<Node*>(root_.next)); }
  T& back() { return static_cast<T&>(*static_cast<Node*>(root_.prev)); }

  void push_back(T& item) {
    Node& node = item;
    POLLUX_ASSERT(!node.linked());
    node.prev = root_.prev;
    node.next = &root_;
    root_.prev->next = &node;
    root_.prev = &node;
  }
  // Requires !empty().
  T& pop_front() {
    T& item = front();
    item.Node::unlink();
    return item;
  }
  // Calls fn(T&) for each; fn may unlink the item it is given, and no other.
  template <typename Fn>
  void for_each(Fn fn) {
    for_each_while([&fn](T& item) {
      fn(item);
      return true;
    });
  }
  // The same until fn returns false.
  template <typename Fn>
  void for_each_while(Fn fn) {
    for (ListLink* node = root_.next; node != &root_;) {
      ListLink* next = node->next;
      if (!fn(static_cast<T&>(*static_cast<Node*>(node)))) {
        return;
      }
      node = next;
    }
  }

 private:
  struct Root : ListLink {
    ~Root() { prev = next = nullptr; }
  };
  Root root_;
};

}  // namespace pollux
