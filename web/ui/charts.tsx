import { usePage } from './page.tsx'
import { Icon, Table } from './parts.tsx'

export interface TierView {
  name: string
  /** First unit of the tier. */
  from: number
  /** Last unit, or null for the open tier. */
  upTo: number | null
}

const unitsWide = 100

/** How far a usage fills each tier. Tiers are drawn equally wide, so that every label has room; inside a tier the scale is linear. */
export function TierBar({ tiers, usage, unit }: { tiers: readonly TierView[]; usage: number; unit: string }) {
  const { t } = usePage()
  const range = (tier: TierView) => (tier.upTo === null ? t('tier.open', { from: tier.from }) : `${tier.from}–${tier.upTo}`)
  const share = (tier: TierView) => {
    const start = Math.max(0, tier.from - 1)
    const width = (tier.upTo ?? start * 2 + 1) - start
    return Math.min(1, Math.max(0, (usage - start) / width))
  }
  return (
    <div class="tier">
      <svg
        viewBox={`0 0 ${tiers.length * unitsWide} 16`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t('tier.label', { usage, unit, tiers: tiers.map(x => `${x.name} ${range(x)}`).join(t('list.comma')) })}
      >
        {tiers.map((tier, i) => (
          <g key={tier.name}>
            <rect class="bar__track" x={i * unitsWide} y="2" width={unitsWide - 2} height="12" />
            <rect class="bar__fill" x={i * unitsWide} y="2" width={share(tier) * (unitsWide - 2)} height="12" />
          </g>
        ))}
      </svg>
      <ol class="tier__l">
        {tiers.map(tier => (
          <li key={tier.name}>
            {tier.name}
            <br />
            {range(tier)}
          </li>
        ))}
      </ol>
    </div>
  )
}

export interface ColumnView {
  label: string
  /** Second line under the label: 去年同期, 上期, 本期. */
  note?: string
  /** Short enough to stand over its column. */
  value: number
  /** What the table says instead, where the value is rounded. */
  exact?: string
  /** this = now, compare = what we compare with, usual = left out in the two largest sizes when older. */
  kind: 'this' | 'compare' | 'recent' | 'older'
}

const heightPx = 100

/** Columns with their figures; the same figures as a table one press away. */
export function Columns({ title, unit, columns }: { title: string; unit: string; columns: readonly ColumnView[] }) {
  const { t } = usePage()
  const max = Math.max(1, ...columns.map(c => c.value))
  const classOf = { this: 'is-this', compare: 'is-compare', recent: undefined, older: 'is-extra' } as const
  return (
    <figure>
      <figcaption>
        <b>{title}</b>
        <small class="t-3">{unit}</small>
      </figcaption>
      <ol class="cols" aria-label={t('chart.label', { title, unit })}>
        {columns.map(c => (
          <li key={c.label + c.kind} class={classOf[c.kind]}>
            <span class="col">
              <b>{c.value}</b>
              <svg aria-hidden="true" height={Math.max(2, Math.round((c.value / max) * heightPx))}>
                <rect width="100%" height="100%" rx="3" />
              </svg>
            </span>
            <span>
              {c.label}
              {c.note && (
                <>
                  <br />
                  {c.note}
                </>
              )}
            </span>
          </li>
        ))}
      </ol>
      <details>
        <summary>
          <Icon name="next" />
          {t('chart.table')}
        </summary>
        <Table
          columns={[
            {
              title: t('chart.period'),
              cell: (c: ColumnView) => (
                <>
                  {c.label}
                  {c.note && <small class="t-3 line-sum">{c.note}</small>}
                </>
              ),
            },
            { title: unit, cell: (c: ColumnView) => c.exact ?? c.value, numeric: true },
          ]}
          rows={columns}
        />
      </details>
    </figure>
  )
}

/** A share of a whole as a bar, with its figure in words. */
export const Share = ({ part, label }: { part: number; label: string }) => (
  <span class="share">
    <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar__track" width="100" height="10" />
      <rect class="bar__fill" width={Math.round(Math.min(1, Math.max(0, part)) * 100)} height="10" />
    </svg>
    {label}
  </span>
)
