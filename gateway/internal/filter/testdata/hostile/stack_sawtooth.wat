;; Goes down to a depth that passes and up again, for ever: what it has paid for once is no credit.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $f (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (call $f (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (drop (call $f (i32.const 20000))) (br $l))
    (i32.const 0))
)
