// The whole command line of `kvpolicy`, with an additional policy and an additional score.
import Foundation
import KVPolicyCommand
import KVPolicyKit
import Policies

let tool = KVPolicyTool(registry: .all.adding(EveryOther.self).adding(score: EvenPositions.self))
exit(tool.run(CommandLine.arguments))
