package wandb

// UploadLimit is how many uploads the client runs at once now.
func (c *Client) UploadLimit() int { return c.uploads.Limit() }
