;; Work hidden in a short function that is called over and over, each time for less than it pays for.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $leaf (local i32)
    (local.set 0 (i32.const 30))
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (call $leaf) (call $leaf) (call $leaf) (call $leaf) (br $l))
    (i32.const 0))
)
