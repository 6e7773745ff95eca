import { usePage } from '#web/ui/page.tsx'
import { Banner } from '#web/ui/parts.tsx'

/** Whether money moved. Every page about a failure says one of these. */
export type MoneyState = 'not_charged' | 'charged_pending' | 'charged_refunding' | 'unknown'

const tones = { not_charged: 'ok', charged_pending: 'warn', charged_refunding: 'warn', unknown: 'warn' } as const

export function MoneyBanner({ state }: { state: MoneyState }) {
  const { t } = usePage()
  return (
    <Banner tone={tones[state]} title={t(`money.${state}`)}>
      <p>{t(`money.${state}_text`)}</p>
    </Banner>
  )
}
