/// LongBench's rule for the name of a class in a response.
enum Classification {
  /// 1 divided by the number of classes named, if the right class is among them; otherwise 0. A
  /// class whose name is a part of the right name does not count as named.
  ///
  /// LongBench's code removes such classes from a list while it walks over the list, and so skips
  /// the class after each removed one. The same classes are skipped here, so that the values agree.
  static func score(_ response: String, _ right: String, classes: [String]) -> Double {
    var named = classes.filter { response.hasBytes($0) }
    var index = 0
    while index < named.count {
      let name = named[index]
      if right.hasBytes(name), name != right, let first = named.firstIndex(of: name) {
        named.remove(at: first)
      }
      index += 1
    }
    return named.contains(right) ? 1 / Double(named.count) : 0
  }
}
