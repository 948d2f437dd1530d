#include "dataplane/sim/test_client.h"

#include <charconv>

namespace pollux {

namespace {

bool take_line(std::string_view bytes, size_t& position, std::string_view& line) {
  const size_t end = bytes.find("\r\n", position);
  if (end == std::string_view::npos) {
    return false;
  }
  line = bytes.substr(position, end - position);
  position = end + 2;
  return true;
}

bool to_number(std::string_view text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

TakeStatus take_bulk(std::string_view bytes, size_t& at, int64_t size, Answer& answer) {
  if (size < 0) {
    answer.kind = Answer::Kind::kNull;
    return TakeStatus::kTaken;
  }
  const auto length = static_cast<size_t>(size);
  if (bytes.size() - at < length + 2) {
    return TakeStatus::kNone;
  }
  answer.kind = Answer::Kind::kBulk;
  answer.text = bytes.substr(at, length);
  at += length;
  if (bytes.substr(at, 2) != "\r\n") {
    return TakeStatus::kMalformed;
  }
  at += 2;
  return TakeStatus::kTaken;
}

TakeStatus take_elements(std::string_view bytes, size_t& at, int64_t count, Answer& answer) {
  if (count < 0) {
    answer.kind = Answer::Kind::kNull;
    return TakeStatus::kTaken;
  }
  answer.kind = Answer::Kind::kArray;
  answer.elements.clear();
  for (int64_t i = 0; i < count; ++i) {
    answer.elements.emplace_back();
    const TakeStatus status = take_answer(bytes, at, answer.elements.back());
    if (status != TakeStatus::kTaken) {
      return status;
    }
  }
  return TakeStatus::kTaken;
}

}  // namespace

TakeStatus take_answer(std::string_view bytes, size_t& position, Answer& answer) {
  size_t at = position;
  std::string_view line;
  if (!take_line(bytes, at, line)) {
    return TakeStatus::kNone;
  }
  if (line.empty()) {
    return TakeStatus::kMalformed;
  }
  const char type = line[0];
  line.remove_prefix(1);
  answer = {};
  TakeStatus status = TakeStatus::kTaken;
  int64_t number = 0;
  switch (type) {
    case '+':
    case ',':
    case '#':
    case '(':
      answer.kind = Answer::Kind::kSimple;
      answer.text = line;
      break;
    case '-':
      answer.kind = Answer::Kind::kError;
      answer.text = line;
      break;
    case '_':
      break;
    case ':':
      answer.kind = Answer::Kind::kInteger;
      status = to_number(line, answer.number) ? TakeStatus::kTaken : TakeStatus::kMalformed;
      break;
    case '$':
    case '=':
      status = to_number(line, number) ? take_bulk(bytes, at, number, answer)
                                       : TakeStatus::kMalformed;
      break;
    case '*':
    case '~':
    case '>':
    case '%':
      status = to_number(line, number)
                   ? take_elements(bytes, at, type == '%' ? number * 2 : number, answer)
                   : TakeStatus::kMalformed;
      break;
    default:
      status = TakeStatus::kMalformed;
      break;
  }
  if (status == TakeStatus::kTaken) {
    position = at;
  }
  return status;
}

std::string Answer::shown() const {
  switch (kind) {
    case Kind::kSimple:
      return "+" + text;
    case Kind::kError:
      return "-" + text;
    case Kind::kInteger:
      return ":" + std::to_string(number);
    case Kind::kBulk:
      return '"' + text + '"';
    case Kind::kNull:
      return "nil";
    case Kind::kArray:
      break;
  }
  std::string all = "[";
  for (const Answer& element : elements) {
    all += all.size() > 1 ? " " : "";
    all += element.shown();
  }
  return all + "]";
}

std::string encode(const Request& request) {
  std::string bytes = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& arg : request) {
    bytes += '$';
    bytes += std::to_string(arg.size());
    bytes += "\r\n";
    bytes += arg;
    bytes += "\r\n";
  }
  return bytes;
}

void TestClient::add(const Request& request, Check check) {
  pipeline_ += encode(request);
  checks_.push_back(std::move(check));
}

void TestClient::add_unanswered(const Request& request) { pipeline_ += encode(request); }

void TestClient::send_pipeline() {
  wire_.send(pipeline_);
  pipeline_.clear();
}

bool TestClient::receive() {
  const std::string bytes = wire_.take();
  if (bytes.empty()) {
    return false;
  }
  received_ += bytes;
  size_t position = 0;
  Answer answer;
  bool any = false;
  while (position < received_.size() && garbage_.empty()) {
    const TakeStatus status = pollux::take_answer(received_, position, answer);
    if (status == TakeStatus::kNone) {
      break;
    }
    if (status == TakeStatus::kTaken && push_taker_ && push_taker_(answer)) {
      any = true;
      continue;
    }
    if (status == TakeStatus::kMalformed || checks_.empty()) {
      garbage_ = received_.substr(position == 0 ? 0 : position - 1, 200);
      break;
    }
    any = true;
    const Check check = std::move(checks_.front());
    checks_.pop_front();
    if (check) {
      check(answer);
    }
  }
  received_.erase(0, position);
  return any;
}

}  // namespace pollux
