;; Recursion that needs no stack.
;; flags: --enable-tail-call
;; expect: load: opcode 0x12
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $f (return_call $f))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (call $f)
    (i32.const 0))
)
