import { stamp } from './format.ts'
import { usePage } from './page.tsx'
import { Icon } from './parts.tsx'

/** One entry of the trail: who did what and when. */
export interface TimelineView {
  at: Date
  /** Role and masked name, or the system. */
  actor: string
  text: string
  detail?: string
  /** The last entry of something still under way. */
  isNow?: boolean
}

/** What happened, oldest first; a done step is filled, the present one is a ring. */
export function Timeline({ entries }: { entries: readonly TimelineView[] }) {
  const { ctx } = usePage()
  return (
    <ol class="timeline">
      {entries.map(e => (
        <li key={`${e.at.getTime()}${e.text}`} class={e.isNow ? 'is-now' : undefined}>
          <span class="timeline__dot">{!e.isNow && <Icon name="check" />}</span>
          <h3>{e.text}</h3>
          <time dateTime={e.at.toISOString()}>{stamp(ctx.lang, e.at)}</time>
          <p>
            {e.actor}
            {e.detail && (
              <>
                <br />
                {e.detail}
              </>
            )}
          </p>
        </li>
      ))}
    </ol>
  )
}
