;; Answers nonsense at a stage it does not know.
;; expect: load: the conformance call: its verdict is not valid
(module
  (import "weir1" "result_write" (func $w (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const 0) "\ff\ff\ff\ff")
  (func (export "weir_hook") (param i32 i32) (result i32) (call $w (i32.const 0) (i32.const 64)))
)
