;; Grows to its limit, touches every page, and goes on for ever.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $at i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $g (br_if $g (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $l
        (i32.store (local.get $at) (local.get $at))
        (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (i32.mul (memory.size) (i32.const 65536)))))
      (br $again))
    (i32.const 0))
)
