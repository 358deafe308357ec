import type { Kind } from '@postern/core/state/records.js';
import type { Store } from '@postern/core/state/store.js';

/** The store, and `onAll` is told of each partition that is read as a whole, `onGlimpses` of each that is peeked at. */
export function watchedStore(
  store: Store,
  onAll: (kind: Kind, size: number, mailbox: string) => void,
  onGlimpses: (kind: Kind, size: number, mailbox: string) => void = () => {},
): Store {
  const all: Store['all'] = async (kind, mailbox) => {
    const records = await store.all(kind, mailbox);
    onAll(kind, records.size, mailbox);
    return records;
  };
  const glimpses: Store['glimpses'] = async (kind, mailbox, peek) => {
    const found = await store.glimpses(kind, mailbox, peek);
    onGlimpses(kind, found.size, mailbox);
    return found;
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'all') return all;
      if (name === 'glimpses') return glimpses;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
