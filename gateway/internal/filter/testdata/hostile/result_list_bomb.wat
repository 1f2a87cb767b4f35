;; A list of four thousand million findings in twenty octets.
;; expect: result: not valid
(module
  (import "weir1" "result_write" (func $w (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const 0) "\3c\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (drop (call $w (i32.const 0) (i32.const 64)))
    (i32.const 0))
)
