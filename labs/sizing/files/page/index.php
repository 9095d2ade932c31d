<?php
  // One page: a million square roots, and nothing else.
  $x = 0.0001;
  for ($i = 0; $i <= 1000000; $i++) {
    $x += sqrt($x);
  }
  echo "done\n";
?>
