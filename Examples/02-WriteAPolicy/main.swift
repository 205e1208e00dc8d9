// The whole command line of `kvpolicy`, with one additional policy.
import Foundation
import KVPolicyCommand
import KVPolicyKit
import Policies

let tool = KVPolicyTool(registry: .all.adding(EveryOther.self))
exit(tool.run(CommandLine.arguments))
