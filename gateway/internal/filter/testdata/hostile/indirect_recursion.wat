;; 2^62 calls through a table, without a loop.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (table funcref (elem $f))
  (func $f (param i32)
    (if (local.get 0) (then
      (call_indirect (param i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
      (call_indirect (param i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (call $f (i32.const 62))
    (i32.const 0))
)
