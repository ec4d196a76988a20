#include "outbound/site/share.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace goniec::outbound {
namespace {

// FNV-1a 64 of site and name, mixed once more: names that differ in the last letter must rank as if drawn.
std::uint64_t WeightOf(std::string_view site, std::string_view name) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](unsigned char octet) { hash = (hash ^ octet) * 1099511628211ULL; };
  for (const char c : site) add(static_cast<unsigned char>(c));
  add(0);
  for (const char c : name) add(static_cast<unsigned char>(c));
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

// Our place in the site's ranking: how many stand before us.
std::size_t PlaceOf(std::string_view site, const queue::Members& members) {
  const std::uint64_t ours = WeightOf(site, members.self);
  std::size_t before = 0;
  for (const std::string& name : members.names) {
    const std::uint64_t weight = WeightOf(site, name);
    if (weight > ours || (weight == ours && name < members.self)) ++before;
  }
  return before;
}

}  // namespace

std::vector<std::string> RankingOf(std::string_view site, const std::vector<std::string>& members) {
  std::vector<std::pair<std::uint64_t, std::string>> weighed;
  weighed.reserve(members.size());
  for (const std::string& name : members) weighed.emplace_back(WeightOf(site, name), name);
  std::sort(weighed.begin(), weighed.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<std::string> ranking;
  ranking.reserve(weighed.size());
  for (auto& [weight, name] : weighed) ranking.push_back(std::move(name));
  return ranking;
}

bool IsKeeper(std::string_view site, const queue::Members& members) {
  return members.confirmed && members.Counts() && PlaceOf(site, members) == 0;
}

std::size_t ShareOf(std::size_t limit, std::string_view site, const queue::Members& members) {
  if (!members.Counts()) return 0;
  const std::size_t count = members.names.size();
  const std::size_t whole = limit / count;
  // The places are needed only where it does not come out even.
  const std::size_t left = limit % count;
  const std::size_t ours = whole + (left > 0 && PlaceOf(site, members) < left ? 1 : 0);
  if (members.confirmed) return ours;
  if (limit <= 1) return 0;
  return std::min(ours, std::max<std::size_t>(limit / (2 * count), 1));
}

double RateShareOf(const queue::Members& members) {
  const auto count = static_cast<double>(members.names.size());
  if (!members.Counts()) return 1 / (2 * (count + 1));
  return members.confirmed ? 1 / count : 1 / (2 * count);
}

}  // namespace goniec::outbound
