;; 2^62 calls without a loop.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $expo (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (i32.add (call $expo (i32.sub (local.get 0) (i32.const 1))) (call $expo (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (drop (call $expo (i32.const 62)))
    (i32.const 0))
)
