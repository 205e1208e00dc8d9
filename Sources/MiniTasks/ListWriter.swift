import KVPolicyKit

/// Draws the constraints of a list, states them in the prompt, and writes the list that satisfies
/// them.
struct ListWriter {
  private let numbers: ClosedRange<Int>
  /// The words that replace filler words in each item: by item number, then by index in the item.
  private var words: [Int: [Int: Int]] = [:]
  /// The checks of each item, by item number.
  private var expectations: [Int: [DocumentDraft.Expectation]] = [:]

  /// Writes a list into a draft, and returns its items. The words of single items are drawn from
  /// `things`.
  static func write(
    _ recipe: TaskRecipe.List, things: [Int], into draft: inout DocumentDraft,
    using random: inout SplitMix64
  ) -> [WrittenLine] {
    var writer = ListWriter(recipe, using: &random)
    writer.stateOnce(recipe.once, things: things, in: &draft, using: &random)
    writer.stateRanges(recipe.ranges, in: &draft, using: &random)
    writer.statePeriodic(recipe.periodic, in: &draft, using: &random)
    return writer.respond(in: &draft)
  }

  private init(_ recipe: TaskRecipe.List, using random: inout SplitMix64) {
    let latest = TaskVocabulary.largestNumber - recipe.items + 1
    let first = recipe.first ?? random.draw(1...latest)
    numbers = first...first + recipe.items - 1
  }

  /// `at 37 lantern`
  private mutating func stateOnce(
    _ count: Int, things: [Int], in draft: inout DocumentDraft, using random: inout SplitMix64
  ) {
    for number in random.sample(count, from: Array(numbers)) {
      let word = random.draw(from: things)
      let source = draft.state([
        TaskVocabulary.token("at"), TaskVocabulary.number(number), word,
      ])
      hold(word, at: TaskLayout.once, in: number, .once, source)
    }
  }

  /// `from 20 blue until 32 bare`
  ///
  /// Each range lies within its own section of the items, closing item included, so ranges never
  /// touch.
  private mutating func stateRanges(
    _ count: Int, in draft: inout DocumentDraft, using random: inout SplitMix64
  ) {
    for index in 0..<count {
      let start = numbers.lowerBound + index * numbers.count / count
      let share = numbers.lowerBound + (index + 1) * numbers.count / count - start
      let length = random.draw(2...min(TaskLayout.longestRange, share - 1))
      let first = start + random.draw(0...share - 1 - length)
      let word = random.draw(from: TaskVocabulary.colors)
      let rest = TaskLayout.rest[TaskLayout.range] ?? word
      let source = draft.state([
        TaskVocabulary.token("from"), TaskVocabulary.number(first), word,
        TaskVocabulary.token("until"), TaskVocabulary.number(first + length), rest,
      ])
      for number in first..<first + length {
        hold(word, at: TaskLayout.range, in: number, .range, source)
      }
      hold(rest, at: TaskLayout.range, in: first + length, .range, source)
    }
  }

  /// `every 8 chime`
  ///
  /// Each item counts up from 1. The item whose count is the period holds the word, and the next
  /// item counts from 1 again. An item's count follows from the item before it, and whether the
  /// count is the period follows from the prompt, so a model need not learn to divide. Without a
  /// rule the count goes on.
  private mutating func statePeriodic(
    _ rules: Int, in draft: inout DocumentDraft, using random: inout SplitMix64
  ) {
    let ruled = random.sample(rules, from: TaskLayout.periodic)
    for (place, choices) in zip(
      TaskLayout.periodic, [TaskVocabulary.sounds, TaskVocabulary.weather])
    {
      let period = random.draw(TaskLayout.periods(items: numbers.count))
      let word = random.draw(from: choices)
      let source =
        ruled.contains(place)
        ? draft.state([
          TaskVocabulary.token("every"), TaskVocabulary.number(period), word,
        ]) : nil
      var count = 0
      for number in numbers {
        count += 1
        words[number, default: [:]][place - 1] = TaskVocabulary.number(count)
        guard let source, count == period else { continue }
        hold(word, at: place, in: number, .periodic, source)
        count = 0
      }
    }
  }

  private mutating func hold(
    _ word: Int, at place: Int, in number: Int, _ kind: TaskCheck.Kind,
    _ source: DocumentDraft.Source
  ) {
    words[number, default: [:]][place] = word
    expectations[number, default: []].append(
      .init(kind: kind, item: number, places: place..<place + 1, source: source))
  }

  private func respond(in draft: inout DocumentDraft) -> [WrittenLine] {
    let (first, last) = (numbers.lowerBound, numbers.upperBound)
    let done = TaskVocabulary.token("done")
    let source = draft.request([
      TaskVocabulary.token("list"), TaskVocabulary.number(first), TaskVocabulary.token("to"),
      TaskVocabulary.number(last), done,
    ])
    return numbers.map { number in
      let item = (0..<TaskLayout.itemLength - 1).map { place in
        words[number]?[place] ?? TaskLayout.rest[place] ?? TaskVocabulary.number(number)
      }
      guard number == last else {
        return WrittenLine(
          words: item, source: draft.respond(item, checking: expectations[number] ?? []))
      }
      let end = DocumentDraft.Expectation(
        kind: .completion, item: last, places: item.count..<item.count + 1, source: source)
      return WrittenLine(
        words: item,
        source: draft.respond(item + [done], checking: (expectations[number] ?? []) + [end]))
    }
  }
}

/// A line of a response that a later turn can request again.
struct WrittenLine {
  /// The tokens of the line; the first token identifies it.
  var words: [Int]
  var source: DocumentDraft.Source
}
