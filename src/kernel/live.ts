/** Live updates to open pages. A topic is a hint that something changed; listeners read the record for what. */
export interface Live {
  publish(topic: string): void
  /** Returns the function that stops listening. */
  listen(topic: string, changed: () => void): () => void
}

/** Bursts on a topic become one call per `quietMs`, the first at once. */
export function createLive(quietMs = 200): Live {
  const topics = new Map<string, { listeners: Set<() => void>; timer?: NodeJS.Timeout; again: boolean }>()

  const tell = (topic: string) => {
    const entry = topics.get(topic)
    if (!entry) return
    entry.again = false
    for (const listener of entry.listeners) listener()
    entry.timer = setTimeout(() => {
      delete entry.timer
      if (entry.again) tell(topic)
    }, quietMs).unref()
  }

  return {
    publish(topic) {
      const entry = topics.get(topic)
      if (!entry) return
      if (entry.timer) entry.again = true
      else tell(topic)
    },
    listen(topic, changed) {
      const entry = topics.get(topic) ?? { listeners: new Set(), again: false }
      topics.set(topic, entry)
      entry.listeners.add(changed)
      return () => {
        entry.listeners.delete(changed)
        if (entry.listeners.size === 0) {
          clearTimeout(entry.timer)
          topics.delete(topic)
        }
      }
    },
  }
}
