"""The API's routes, by the part of the server that holds them."""
