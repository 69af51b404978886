// A value that components follow: read `.value`, call `.set`, and `useSignal` draws a component anew when it changes.
import { useEffect, useState } from "./html.js";

export function signal(initial) {
  const followers = new Set();
  const own = {
    value: initial,
    set(next) {
      const value = typeof next === "function" ? next(own.value) : next;
      if (Object.is(value, own.value)) return;
      own.value = value;
      for (const follower of [...followers]) follower(value);
    },
    follow(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
  return own;
}

export function useSignal(followed) {
  const [value, show] = useState(followed.value);
  useEffect(() => {
    show(followed.value);
    return followed.follow(show);
  }, [followed]);
  return value;
}
