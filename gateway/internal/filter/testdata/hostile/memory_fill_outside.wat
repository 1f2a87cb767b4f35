;; A fill that begins inside and ends outside must write nothing, however long.
;; expect: trap: out of bounds
(module
  (memory (export "memory") 512)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (memory.fill (i32.const 8) (i32.const 1) (i32.const 33554432))
    (i32.const 0))
)
