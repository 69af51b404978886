// What every other module draws with: Preact, and htm in place of JSX, so that nothing has to be built.
export {
  html,
  render,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/preact.js";
