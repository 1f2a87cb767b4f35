;; The largest verdict, written for ever.
;; expect: deadline
(module
  (import "weir1" "result_write" (func $w (param i32 i32) (result i32)))
  (memory (export "memory") 8)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (drop (call $w (i32.const 0) (i32.const 262144))) (br $l))
    (i32.const 0))
)
