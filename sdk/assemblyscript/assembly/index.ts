// Write a plugin for the Weir mail filtering gateway; README.md shows how.

export * from "./abi";
export { Call, PART_RAW } from "./call";
export { Config } from "./config";
export { Conn } from "./conn";
export { Hook, on, onInit, weirAbort, weir_abi_1, weir_hook, weir_init } from "./guest";
export { ErrorCode, errorName } from "./host";
export { KV } from "./kv";
export { Patterns, literal, regexp, wildcard } from "./patterns";
export { Reader } from "./reader";
export { attr, isNull, object, ofBool, ofList, ofNumber, ofString, setAttr, stringList } from "./value";
export { Verdict } from "./verdict";
export { DecodeError, Decoder, Encoder, Record, octets, text } from "./wire";
