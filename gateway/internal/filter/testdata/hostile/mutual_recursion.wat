;; Two functions that call each other through a table.
;; expect: trap: stack overflow
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (table funcref (elem $f $g))
  (func $f (param i64 i64) (result i64) (i64.add (local.get 1) (call_indirect (param i64 i64) (result i64) (local.get 1) (local.get 0) (i32.const 1))))
  (func $g (param i64 i64) (result i64) (i64.sub (local.get 0) (call_indirect (param i64 i64) (result i64) (local.get 0) (local.get 1) (i32.const 0))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (drop (call $f (i64.const 0) (i64.const 1)))
    (i32.const 0))
)
