;; Stages ever more content.
;; expect: deadline
(module
  (import "weir1" "body_write" (func $write (param i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (drop (call $write (local.get $n) (i32.const 0) (i32.const 1048576)))
      (drop (call $write (local.get $n) (i32.const 0) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $l))
    (i32.const 0))
)
