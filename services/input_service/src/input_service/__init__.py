"""Takes images, keeps them safe, queues them and answers for their results."""
