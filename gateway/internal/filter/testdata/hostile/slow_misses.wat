;; Loads that miss every cache.
;; expect: deadline
(module
  (memory (export "memory") 512)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (local.set $n (i32.load (i32.and (i32.const 0x1fffffc)
        (local.tee $n (i32.mul (i32.add (local.get $n) (i32.const 12345)) (i32.const 1664525))))))
      (br $l))
    (i32.const 0))
)
