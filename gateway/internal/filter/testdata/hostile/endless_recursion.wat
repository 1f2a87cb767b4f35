;; A function that calls itself, with a small frame.
;; expect: trap: stack overflow
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $f (param i32) (result i32) (i32.add (local.get 0) (call $f (i32.add (local.get 0) (i32.const 1)))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (drop (call $f (i32.const 0)))
    (i32.const 0))
)
