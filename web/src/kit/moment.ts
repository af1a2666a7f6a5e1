// A moment as people choose it, in their own time, and as the API and addresses say it.

// What a field for date and time says, in the form of the API; nothing when it is empty.
export function moment(local: string): string | undefined {
  const ms = Date.parse(local);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

// The other way round: what such a field shows.
export function local(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
