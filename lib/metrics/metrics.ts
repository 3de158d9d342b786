/** What this process has done, counted: for CloudWatch as lines of its embedded metric format, for Prometheus as text. */

/** Upper bounds in milliseconds: a warm call takes one, a cold one hundreds. */
const bounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const

interface Latency {
  /** Requests per bound, each counted once, those above all bounds last. */
  readonly counts: number[]
  sumMs: number
}

/** One number that somebody else keeps. */
export interface Reading {
  /** As Prometheus has it: `keystead_hsm_operations_total`. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** One request that was answered. */
export interface Answered {
  readonly action: string
  readonly requestId: string
  /** The error's name. */
  readonly error?: string
  readonly ms: number
}

export class Metrics {
  readonly #requests = new Map<string, { readonly action: string; readonly error: string; count: number }>()
  readonly #latencies = new Map<string, Latency>()
  readonly #sources: (() => readonly Reading[])[] = []

  /** Actions and errors are names of ours, so there is no more of them than we have. */
  answered({ action, error = '', ms }: Answered): void {
    const name = `${action} ${error}`
    const request = this.#requests.get(name) ?? { action, error, count: 0 }
    request.count++
    this.#requests.set(name, request)
    const latency = this.#latencies.get(action) ?? { counts: Array(bounds.length + 1).fill(0), sumMs: 0 }
    const bucket = bounds.findIndex((bound) => ms <= bound)
    const at = bucket < 0 ? bounds.length : bucket
    latency.counts[at] = (latency.counts[at] ?? 0) + 1
    latency.sumMs += ms
    this.#latencies.set(action, latency)
  }

  /** Numbers that are read when somebody asks for them. */
  read(source: () => readonly Reading[]): void {
    this.#sources.push(source)
  }

  /** Prometheus' text format, version 0.0.4. */
  text(): string {
    const lines: string[] = []
    const headed = (name: string, help: string, type: string): void =>
      void lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    headed('keystead_requests_total', 'Requests answered, by action and error.', 'counter')
    for (const { action, error, count } of this.#requests.values()) {
      lines.push(`keystead_requests_total${labelled({ action, error })} ${count}`)
    }
    headed('keystead_request_duration_seconds', 'How long answering took, by action.', 'histogram')
    for (const [action, { counts, sumMs }] of this.#latencies) {
      let below = 0
      for (const [at, count] of counts.entries()) {
        below += count
        const bound = bounds[at]
        const le = bound === undefined ? '+Inf' : String(bound / 1000)
        lines.push(`keystead_request_duration_seconds_bucket${labelled({ action, le })} ${below}`)
      }
      lines.push(`keystead_request_duration_seconds_sum${labelled({ action })} ${sumMs / 1000}`)
      lines.push(`keystead_request_duration_seconds_count${labelled({ action })} ${below}`)
    }
    const said = new Set<string>()
    for (const { name, help, type, labels = {}, value } of this.#sources.flatMap((source) => source())) {
      if (!said.has(name)) headed(name, help, type)
      said.add(name)
      lines.push(`${name}${labelled(labels)} ${value}`)
    }
    return `${lines.join('\n')}\n`
  }
}

const labelled = (labels: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

const escaped = (value: string): string =>
  value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))

/**
 * A request as a line of CloudWatch's embedded metric format: by action, and by action and error. So it is a log line too,
 * found by its request id.
 * @param at milliseconds since the epoch
 */
export const embedded = ({ action, requestId, error, ms }: Answered, at: number, namespace: string) => ({
  _aws: {
    Timestamp: at,
    CloudWatchMetrics: [
      {
        Namespace: namespace,
        Dimensions: error === undefined ? [['Action']] : [['Action'], ['Action', 'Error']],
        Metrics: [
          { Name: 'Requests', Unit: 'Count' },
          { Name: 'Errors', Unit: 'Count' },
          { Name: 'Latency', Unit: 'Milliseconds' },
        ],
      },
    ],
  },
  Action: action,
  RequestId: requestId,
  ...(error !== undefined && { Error: error }),
  Requests: 1,
  Errors: error === undefined ? 0 : 1,
  Latency: Math.round(ms * 1000) / 1000,
})

/** Numbers as a line of the embedded metric format, under one dimension. */
export const embeddedNumbers = (
  dimension: Readonly<Record<string, string>>,
  numbers: Readonly<Record<string, number>>,
  at: number,
  namespace: string,
) => ({
  _aws: {
    Timestamp: at,
    CloudWatchMetrics: [
      {
        Namespace: namespace,
        Dimensions: [Object.keys(dimension)],
        Metrics: Object.keys(numbers).map((Name) => ({ Name, Unit: 'Count' })),
      },
    ],
  },
  ...dimension,
  ...numbers,
})
